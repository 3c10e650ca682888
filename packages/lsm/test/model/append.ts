/** The operator by itself, for workers. */
export { APPEND } from './oracle.ts'
