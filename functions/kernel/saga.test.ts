import { describe, expect, it } from 'vitest'
import type { Entry } from '../../schema/kernel.ts'
import { next, saga } from './saga.ts'

const def = saga<{ id: string }>('test')
  .local('place', { run: () => ({ host: 'h' }), undo: () => {} })
  .local('wire', { run: () => {}, undo: () => {} })
  .host('define', 'domain.start', { on: ({ out }) => out.place.host, args: () => ({ spec: {} as never }), undo: ['domain.destroy', ({ args }) => ({ uuid: args.id })] })
  .local('active', { run: () => {} })

/** Plays the moves with one step failing, and writes down what happened. */
function play(failing?: string): string {
  const log: Entry[] = [], said: string[] = []
  for (;;) {
    const move = next(def.steps, log)
    if ('end' in move) return `${said.join(' ')} ${move.end}`
    if ('undo' in move) {
      said.push(`-${move.undo.name}`)
      log.push({ step: move.undo.name, event: 'undone', at: 0 })
    } else {
      const failed = move.do.name === failing
      said.push(`+${move.do.name}${failed ? '!' : ''}`)
      log.push({ step: move.do.name, event: failed ? 'failed' : 'done', at: 0 })
    }
  }
}

describe('the next move of a saga', () => {
  it('does each step in order', () => expect(play()).toBe('+place +wire +define +active done'))
  it('undoes what was done when a local step fails, and not that step', () => expect(play('wire')).toBe('+place +wire! -place unwound'))
  it('undoes a failed host step too, for the host may have acted', () => expect(play('define')).toBe('+place +wire +define! -define -wire -place unwound'))
  it('undoes everything when the last step fails', () => expect(play('active')).toBe('+place +wire +define +active! -define -wire -place unwound'))
  it('does nothing but end when the first fails', () => expect(play('place')).toBe('+place! unwound'))
})
