import { executor } from '../core/executor.ts'
import { cold, need } from './state.ts'

export default executor('domain.detach-port', {
  async observe({ virt }, { uuid, mac }) {
    if (cold(await virt.state(uuid))) return {}
    return (await virt.nics(uuid)).includes(mac) ? undefined : {}
  },
  async act({ virt }, { uuid, mac }) {
    await need(virt, uuid, 'running', 'paused')
    await virt.detachNic(uuid, mac)
  },
})
