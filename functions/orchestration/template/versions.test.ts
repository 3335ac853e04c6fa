import { describe, expect, it } from 'vitest'
import { hotVersions, listConditionFunctions, listFunctions, type Dialect } from './index.ts'

/** What heat lists for each version. */
const heat: [version: string, functions: string, conditions: string][] = [
  ['AWSTemplateFormatVersion.2010-09-09', 'Fn::Base64 Fn::FindInMap Fn::GetAZs Fn::GetAtt Fn::If Fn::Join Fn::MemberListToMap Fn::Replace Fn::ResourceFacade Fn::Select Fn::Split Ref', 'Fn::And Fn::Equals Fn::FindInMap Fn::Not Fn::Or Ref'],
  ['HeatTemplateFormatVersion.2012-12-12', 'Fn::Base64 Fn::FindInMap Fn::GetAZs Fn::GetAtt Fn::Join Fn::MemberListToMap Fn::Replace Fn::ResourceFacade Fn::Select Fn::Split Ref', ''],
  ['heat_template_version.2013-05-23', 'Fn::Base64 Fn::GetAZs Fn::Join Fn::MemberListToMap Fn::Replace Fn::ResourceFacade Fn::Select Fn::Split Ref get_attr get_file get_param get_resource list_join resource_facade str_replace', ''],
  ['heat_template_version.2014-10-16', 'Fn::Select get_attr get_file get_param get_resource list_join resource_facade str_replace', ''],
  ['heat_template_version.2015-04-30', 'Fn::Select digest get_attr get_file get_param get_resource list_join repeat resource_facade str_replace', ''],
  ['heat_template_version.2015-10-15', 'digest get_attr get_file get_param get_resource list_join repeat resource_facade str_replace str_split', ''],
  ['heat_template_version.2016-04-08', 'digest get_attr get_file get_param get_resource list_join map_merge repeat resource_facade str_replace str_split', ''],
  ['heat_template_version.2016-10-14', 'digest get_attr get_file get_param get_resource if list_join map_merge map_replace repeat resource_facade str_replace str_split yaql', 'and equals get_param not or'],
  ['heat_template_version.2017-02-24', 'digest filter get_attr get_file get_param get_resource if list_join map_merge map_replace repeat resource_facade str_replace str_replace_strict str_split yaql', 'and equals get_param not or'],
  ['heat_template_version.2017-09-01', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.2018-03-02', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.2018-08-31', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.2021-04-16', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.newton', 'digest get_attr get_file get_param get_resource if list_join map_merge map_replace repeat resource_facade str_replace str_split yaql', 'and equals get_param not or'],
  ['heat_template_version.ocata', 'digest filter get_attr get_file get_param get_resource if list_join map_merge map_replace repeat resource_facade str_replace str_replace_strict str_split yaql', 'and equals get_param not or'],
  ['heat_template_version.pike', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.queens', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.rocky', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
  ['heat_template_version.wallaby', 'contains digest filter get_attr get_file get_param get_resource if list_concat list_concat_unique list_join make_url map_merge map_replace repeat resource_facade str_replace str_replace_strict str_replace_vstrict str_split yaql', 'and contains equals get_param not or yaql'],
]

describe('a version of a language', () => {
  it.each(heat)('%s has exactly the functions heat has', (version, functions, conditions) => {
    const dialect: Dialect = { language: version.startsWith('heat') ? 'hot' : 'cfn', version, front: 'heat' }
    expect(listFunctions(dialect).map(({ name }) => name)).toEqual(functions.split(' ').sort())
    expect(listConditionFunctions(dialect).map(({ name }) => name)).toEqual(conditions ? conditions.split(' ').sort() : [])
  })
  it('is there under its date and its release', () => {
    expect(heat.filter(([version]) => version.startsWith('heat')).map(([version]) => version.slice(22)).sort()).toEqual(hotVersions)
  })
  it('has every function described, CloudFormation\'s own front too', () => {
    const dialect: Dialect = { language: 'cfn', version: 'AWSTemplateFormatVersion.2010-09-09', front: 'aws', extensions: true }
    for (const { usage, description } of listFunctions(dialect, true)) expect(usage.length + description.length).toBeGreaterThan(10)
  })
})
