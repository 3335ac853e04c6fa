export * from './kernel.ts'
export * from './host.ts'
export * from './identity.ts'
