import type { Fn } from '../evaluate.ts'
import { equals, iff, junction, not } from '../hot/conditions.ts'
import { facade } from '../hot/references.ts'
import { join } from '../hot/strings.ts'
import type { Dialect } from '../types.ts'
import * as aws from './aws.ts'
import * as legacy from './legacy.ts'
import { getAtt, ref, sub } from './references.ts'

type Table = Record<string, Fn>
const of = (table: Table): ReadonlyMap<string, Fn> => new Map(Object.entries(table))

/** Heat's CFN templates: HeatTemplateFormatVersion has no conditions. */
const heatFunctions: Table = {
  'Fn::FindInMap': legacy.findInMap, 'Fn::GetAZs': legacy.findAzs, Ref: ref, 'Fn::GetAtt': getAtt, 'Fn::Select': legacy.select, 'Fn::Join': join('Fn::Join', false),
  'Fn::Split': legacy.split, 'Fn::Replace': legacy.replace, 'Fn::Base64': legacy.base64, 'Fn::MemberListToMap': legacy.memberListToMap,
  'Fn::ResourceFacade': facade('Fn::ResourceFacade', ['Metadata', 'DeletionPolicy', 'UpdatePolicy']),
}
const heatConditions: Table = {
  'Fn::Equals': equals('Fn::Equals'), Ref: ref, 'Fn::FindInMap': legacy.findInMap, 'Fn::Not': not('Fn::Not', true), 'Fn::And': junction('Fn::And', false), 'Fn::Or': junction('Fn::Or', true),
}

const awsFunctions: Table = {
  Ref: ref, 'Fn::GetAtt': getAtt, 'Fn::Sub': sub, 'Fn::Base64': aws.base64, 'Fn::Cidr': aws.cidr, 'Fn::FindInMap': aws.findInMap(false), 'Fn::GetAZs': aws.getAzs, 'Fn::If': aws.iff,
  'Fn::ImportValue': aws.importValue, 'Fn::Join': aws.join, 'Fn::Select': aws.select, 'Fn::Split': aws.split, 'Fn::Transform': aws.transform,
}
const extensions: Table = { 'Fn::FindInMap': aws.findInMap(true), 'Fn::ToJsonString': aws.toJsonString, 'Fn::Length': aws.length }
const awsConditions: Table = {
  'Fn::Equals': aws.equals, 'Fn::Not': aws.not, 'Fn::And': aws.junction('Fn::And', false), 'Fn::Or': aws.junction('Fn::Or', true), Condition: aws.condition,
}

const tables = {
  heat2012: { functions: of(heatFunctions), conditions: of({}) },
  heat: { functions: of({ ...heatFunctions, 'Fn::If': iff('Fn::If', false) }), conditions: of(heatConditions) },
  aws: { functions: of(awsFunctions), conditions: of(awsConditions) },
  extended: { functions: of({ ...awsFunctions, ...extensions }), conditions: of(awsConditions) },
}

const tableOf = ({ front, version, extensions }: Dialect) =>
  front === 'heat' ? version.startsWith('Heat') ? tables.heat2012 : tables.heat : extensions ? tables.extended : tables.aws

export const cfnFunctions = (dialect: Dialect) => tableOf(dialect).functions
export const cfnConditionFunctions = (dialect: Dialect) => tableOf(dialect).conditions
