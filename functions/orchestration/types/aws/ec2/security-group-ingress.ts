import { ruleType } from './rules.ts'

export default ruleType('AWS::EC2::SecurityGroupIngress', 'ingress')
