import { groupType } from './deployment-group.ts'
import { more } from './structured-deployment.ts'

export default groupType('OS::Heat::StructuredDeployments', 'OS::Heat::StructuredDeployment', more, 'HIDDEN')
