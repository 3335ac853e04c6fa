import { executor } from '../core/executor.ts'
import { Terminal } from '../drivers.ts'
import { cold, need } from './state.ts'

export default executor('domain.attach-port', {
  async observe({ virt }, { uuid, nic }) {
    if (cold(await virt.state(uuid))) return {}
    return (await virt.nics(uuid)).includes(nic.mac) ? {} : undefined
  },
  async act({ virt, ready }, { uuid, nic }) {
    await need(virt, uuid, 'running', 'paused')
    if (!(await ready([nic])).length) throw new Terminal('the port is not there any more')
    await virt.attachNic(uuid, nic)
  },
})
