import { Buffer } from 'node:buffer'
import { isoMicros } from '../../kernel/view.ts'
import { compute, known, toCompute } from '../call.ts'
import { idOf } from '../ids.ts'
import { read } from '../service.ts'
import { flag, iso, text } from '../shapes.ts'

export const getConsoleOutput = read('GetConsoleOutput', {
  summary: "What an instance wrote to its console last", input: { InstanceId: text, Latest: flag },
  handle: (ctx, i) => known('instance', i.InstanceId, async (id) => {
    const { output } = await toCompute(ctx, 'POST', `/servers/${id}/action`, { 'os-getConsoleOutput': {} })
    return { instanceId: idOf('instance', id), timestamp: iso(isoMicros(ctx.now())), output: Buffer.from(String(output ?? '').slice(-65_536)).toString('base64') }
  }),
})

export const getPasswordData = read('GetPasswordData', {
  summary: 'The password a guest made, encrypted for its key', input: { InstanceId: text },
  handle: (ctx, i) => known('instance', i.InstanceId, async (id) => {
    const { password } = await compute(ctx, `/servers/${id}/os-server-password`)
    return { instanceId: idOf('instance', id), timestamp: iso(isoMicros(ctx.now())), passwordData: password ?? '' }
  }),
})
