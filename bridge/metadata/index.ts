export { metadataAnswer, type Metadata } from './answer.ts'
export { configDriveFiles } from './drive.ts'
