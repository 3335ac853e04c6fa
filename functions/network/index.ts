import { networks } from './networks/api.ts'
import { ports } from './ports/api.ts'
import { securityGroups } from './security/api.ts'
import { securityGroupRules } from './security/rules.ts'
import { floatingIps } from './floatingips/api.ts'
import { extraRoutes, routers } from './routers/api.ts'
import { addInterface, removeInterface } from './routers/interfaces.ts'
import { neutron } from './service.ts'
import { subnets } from './subnets/api.ts'

export default neutron.serve([networks, subnets, ports, securityGroups, securityGroupRules, routers, extraRoutes, addInterface, removeInterface, floatingIps])
