import { groupType } from './deployment-group.ts'

export default groupType('OS::Heat::SoftwareDeploymentGroup', 'OS::Heat::SoftwareDeployment', {})
