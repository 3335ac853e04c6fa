import { cfnConditionFunctions, cfnFunctions } from './cfn/functions.ts'
import type { Fn } from './evaluate.ts'
import { hotConditionFunctions, hotFunctions } from './hot/versions.ts'
import type { Dialect } from './types.ts'

/** The functions a template of this version may use. */
export const functionsOf = (dialect: Dialect): ReadonlyMap<string, Fn> =>
  dialect.language === 'hot' ? hotFunctions(dialect.version) : cfnFunctions(dialect)

/** Those a condition may use. */
export const conditionFunctionsOf = (dialect: Dialect): ReadonlyMap<string, Fn> =>
  dialect.language === 'hot' ? hotConditionFunctions(dialect.version) : cfnConditionFunctions(dialect)
