import { networks } from './networks/api.ts'
import { neutron } from './service.ts'
import { subnets } from './subnets/api.ts'

export default neutron.serve([networks, subnets])
