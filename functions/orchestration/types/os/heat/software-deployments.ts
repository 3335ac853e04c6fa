import { groupType } from './deployment-group.ts'

export default groupType('OS::Heat::SoftwareDeployments', 'OS::Heat::SoftwareDeployment', {}, 'HIDDEN')
