import { resourceType } from '../../provider.ts'
import handle from './wait-condition-handle.ts'

/** Forgets what it heard with every update, so that a condition waits again. */
export default resourceType({ ...handle, name: 'OS::Heat::UpdateWaitConditionHandle', description: 'An address that guests signal, anew with every update.', support: { status: 'SUPPORTED', version: '2014.1' }, properties: {}, attributes: { endpoint: handle.attributes.endpoint } })
