import { groupType } from './deployment-group.ts'
import { more } from './structured-deployment.ts'

export default groupType('OS::Heat::StructuredDeploymentGroup', 'OS::Heat::StructuredDeployment', more)
