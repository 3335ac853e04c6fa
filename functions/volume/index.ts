import { volume } from './service.ts'

export default volume.serve([])
