import { executor } from '../core/executor.ts'
import { off } from './state.ts'

export default executor('domain.detach-port', {
  async observe({ virt }, { uuid, mac }) {
    if (off(await virt.state(uuid))) return {}
    return (await virt.nics(uuid)).includes(mac) ? undefined : {}
  },
  async act({ virt }, { uuid, mac }) {
    await virt.detachNic(uuid, mac)
  },
})
