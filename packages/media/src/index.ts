export * from './error.ts'
export * from './medium.ts'
