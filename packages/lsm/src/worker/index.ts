/**
 * The entry point of compaction workers. A database starts it by itself; where a bundler moves it, the option `worker` says where it is.
 *
 * @packageDocumentation
 */
import { workerData } from 'node:worker_threads'
import { serve } from './work.ts'

serve(workerData)
