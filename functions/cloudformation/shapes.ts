import { Type as t } from 'typebox'
import { shape } from '../aws/front.ts'

/** Pieces of requests. */
const opt = t.Optional
export const stackName = t.String({ minLength: 1, maxLength: 1600 }), logicalId = t.String({ minLength: 1, maxLength: 255 })
export const nextToken = opt(t.String({ minLength: 1, maxLength: 1024 })), flag = opt(t.Boolean())
export const clientToken = opt(t.String({ minLength: 1, maxLength: 128, pattern: '^[a-zA-Z0-9][-a-zA-Z0-9]*$' }))
export const role = opt(t.String({ minLength: 20, maxLength: 2048 }))
const url = opt(t.String({ minLength: 1, maxLength: 5120 })), policy = opt(t.String({ minLength: 1, maxLength: 16_384 }))
export const templates = { TemplateBody: opt(t.String({ minLength: 1 })), TemplateURL: url }
export const parameters = opt(t.Array(shape({ ParameterKey: opt(t.String()), ParameterValue: opt(t.String({ maxLength: 65_536 })), UsePreviousValue: flag, ResolvedValue: opt(t.String()) }), { maxItems: 200 }))
export const capability = t.Enum(['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'])
export const tagList = opt(t.Array(shape({ Key: t.String({ minLength: 1, maxLength: 128 }), Value: t.String({ minLength: 1, maxLength: 256 }) }), { maxItems: 50 }))
export const failure = opt(t.Enum(['DO_NOTHING', 'ROLLBACK', 'DELETE']))
/** How newer clients say that everything is to be waited for. */
export const mode = opt(shape({ Mode: opt(t.Enum(['STANDARD', 'EXPRESS'])), DisableRollback: flag }))
/** What creating, updating and change sets all say. */
export const options = {
  ...templates, Parameters: parameters, Capabilities: opt(t.Array(capability)), ResourceTypes: opt(t.Array(t.String({ minLength: 1, maxLength: 256 }))), RoleARN: role, NotificationARNs: opt(t.Array(t.String({ maxLength: 2048 }), { maxItems: 5 })), Tags: tagList,
  DeploymentConfig: mode, RollbackConfiguration: opt(shape({ RollbackTriggers: opt(t.Array(shape({ Arn: t.String(), Type: t.String() }), { maxItems: 5 })), MonitoringTimeInMinutes: opt(t.Integer({ minimum: 0, maximum: 180 })) })),
}
export const policies = { StackPolicyBody: policy, StackPolicyURL: url }
export const duringUpdate = { StackPolicyDuringUpdateBody: policy, StackPolicyDuringUpdateURL: url }
export type Options = {
  TemplateBody?: string; TemplateURL?: string; Parameters?: { ParameterKey?: string; ParameterValue?: string; UsePreviousValue?: boolean }[]; Capabilities?: string[]; ResourceTypes?: string[]; RoleARN?: string; NotificationARNs?: string[]; Tags?: { Key: string; Value: string }[]
  RollbackConfiguration?: { RollbackTriggers?: { Arn: string; Type: string }[]; MonitoringTimeInMinutes?: number }
  DeploymentConfig?: { Mode?: string; DisableRollback?: boolean }
}
