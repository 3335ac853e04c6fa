import { Terminal } from '../drivers.ts'
import { executor } from '../core/executor.ts'
import { need } from './state.ts'

/** The password is fetched, never carried: a job is a row, and rows hold no secrets. */
export default executor('domain.set-password', {
  async act({ virt, guest }, { uuid }) {
    await need(virt, uuid, 'running')
    const { adminPass } = await guest(uuid)
    if (!adminPass) throw new Terminal('no password is set for this guest')
    await virt.setPassword(uuid, adminPass)
    return {}
  },
})
