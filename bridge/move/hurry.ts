import { executor } from '../core/executor.ts'

export default executor('move.hurry', { async act({ moves }, { uuid }) { await moves.hurry(uuid); return {} } })
