import { executor } from '../core/executor.ts'

export default executor('move.abort', { async act({ moves }, { uuid }) { await moves.abort(uuid); return {} } })
