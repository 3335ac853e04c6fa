import { assignment } from './assignment.ts'

export default assignment('OS::Keystone::GroupRoleAssignment', 'group')
