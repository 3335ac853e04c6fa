import { networks } from './networks/api.ts'
import { neutron } from './service.ts'

export default neutron.serve([networks])
