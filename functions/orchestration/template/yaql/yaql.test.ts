import { describe, expect, it } from 'vitest'
import { parse, resolve } from '../index.ts'
import type { Json } from '../types.ts'
import { evaluate } from './index.ts'

const data = {
  servers: [{ name: 'a', ip: '10.0.0.1', size: 2, tags: ['x', 'y'] }, { name: 'b', ip: '10.0.0.2', size: 1, tags: ['y'] }, { name: 'c', ip: '10.0.1.3', size: 3, tags: [] }],
  map: { k1: 'v1', k2: 'v2' }, numbers: [3, 1, 2, 3], text: 'one,two', none: null,
}
const cases: [string, Json][] = [
  ['$.data.numbers.sum()', 9], ['$.data.numbers.max()', 3], ['$.data.numbers.min()', 1], ['$.data.numbers.len()', 4], ['len($.data.numbers)', 4],
  ['$.data.servers.where($.size > 1).name', ['a', 'c']], ['$.data.servers.select($.ip)', ['10.0.0.1', '10.0.0.2', '10.0.1.3']], ['$.data.servers.name', ['a', 'b', 'c']],
  ['$.data.servers.orderBy($.size).name', ['b', 'a', 'c']], ['$.data.servers.orderByDescending($.size).first().name', 'c'],
  ['dict($.data.servers.select([$.name, $.size]))', { a: 2, b: 1, c: 3 }], ['$.data.servers.toDict($.name, $.size)', { a: 2, b: 1, c: 3 }],
  ['$.data.servers.selectMany($.tags).distinct()', ['x', 'y']], ['$.data.servers.groupBy($.size > 1, $.name)', [[true, ['a', 'c']], [false, ['b']]]],
  ['$.data.map.items().select(concat($[0], "=", $[1])).join(";")', 'k1=v1;k2=v2'], ['$.data.map.keys()', ['k1', 'k2']], ['$.data.map.values()', ['v1', 'v2']],
  ['$.data.map.get(k3, nothing)', 'nothing'], ['$.data.map.containsKey(k1)', true], ['$.data.map.set(k3, v3).len()', 3], ['$.data.map.delete(k1)', { k2: 'v2' }],
  ['$.data.map.mergeWith({k1 => new, k3 => v3})', { k1: 'new', k2: 'v2', k3: 'v3' }], ['$.data.map + {k1 => x}', { k1: 'x', k2: 'v2' }],
  ['$.data.text.split(",")', ['one', 'two']], ['$.data.text.replace(",", " ").toUpper()', 'ONE TWO'], ['$.data.text.startsWith(one)', true], ['$.data.text.substring(4)', 'two'],
  ['$.data.none?.x', null], ['coalesce($.data.none, $.data.text)', 'one,two'], ['$.data.numbers.distinct().orderBy($)', [1, 2, 3]], ['$.data.numbers[0]', 3], ['$.data.numbers[-1]', 3],
  ['$.data.numbers.where($ mod 2 = 1).count()', 3], ['$.data.numbers.any($ > 2) and not $.data.numbers.all($ > 2)', true], ['1 in $.data.numbers', true],
  ['$.data.numbers.reduce($1 + $2)', 9], ['$.data.numbers.aggregate($1 * $2, 2)', 36], ['range(3).zip([a, b, c])', [[0, 'a'], [1, 'b'], [2, 'c']]], ['enumerate([a, b]).toList()', [[0, 'a'], [1, 'b']]],
  ['switch(3 > 4 => no, true => yes)', 'yes'], ['let(x => 5) -> $x + 1', 6], ['7 / 2', 3], ['-7 mod 3', 2], ['1 + 2 * 3 = 7', true], ['(1 + 2) * 3', 9],
  ['"{0} is {x}".format(1, x => 2)', '1 is 2'], ['$.data.servers.ip.where($ =~ "^10\\\\.0\\\\.0\\\\.")', ['10.0.0.1', '10.0.0.2']],
  ['regex("(\\\\d+)").replace("a12b3", "<\\\\1>")', 'a<12>b<3>'], ['set(1, 2).union(set(2, 3)).len()', 3], ['[[1, 2], [3, [4]]].flatten()', [1, 2, 3, 4]],
  ['$.data.numbers.skip(1).take(2)', [1, 2]], ['$.data.servers.where($.name in [a, c]).size.sum()', 5], ['[1,2,3].sliceWhere($ > 1)', [[1], [2, 3]]], ['{a => {b => 1}}.a.b', 1],
]

describe('YAQL', () => {
  it.each(cases)('%s', (text, wanted) => {
    expect(evaluate(text, { data } as Json)).toEqual(wanted)
  })
  it('refuses what it cannot do, in words', () => {
    expect(() => evaluate('$.data.absent', { data })).toThrow("'absent'")
    expect(() => evaluate('$.data.text.explode()', { data })).toThrow('Unknown method "explode"')
    expect(() => evaluate('1 + a', { data })).toThrow('No function "#operator_+" matches supplied arguments')
    expect(() => evaluate('$.data.numbers[9]', { data })).toThrow('list index out of range')
    expect(() => evaluate('1 +', { data })).toThrow('Grammar error')
    expect(() => evaluate('a ; b', { data })).toThrow("illegal character ';'")
  })
  it('ends soon, whatever is asked', () => {
    expect(() => evaluate('range(1000000000).sum()', {})).toThrow('too many steps')
    expect(() => evaluate('"a" * 1000000000', {})).toThrow('too many steps')
    expect(() => evaluate(`${'('.repeat(5000)}1`, {})).toThrow('nested too deeply')
    expect(() => evaluate('range(1000).select(range(1000).select($ + 1))', {})).toThrow('too many steps')
    expect(evaluate(`("${'a'.repeat(2000)}" =~ "(a+)+$b")`, {})).toBe(false)
  })
  it('reaches nothing but its data', () => {
    for (const text of ['$.constructor', '$.data.__proto__', '$.data.text.constructor', '[].constructor', '{}.toString']) expect(() => evaluate(text, { data })).toThrow()
  })
  it('is a function of HOT from 2016-10-14 on, and refused in a template before anything runs', () => {
    const template = (date: string, expression: string) => parse({ heat_template_version: date, outputs: { a: { value: { yaql: { expression, data: { x: { get_param: 'p' } } } } } } })
    const { dialect, outputs } = template('newton', '$.data.x.toUpper()')
    expect(resolve(outputs.get('a')!.value, { dialect, parameters: { p: 'abc' } })).toBe('ABC')
    expect(() => template('2016-10-14', '$.data.x.launch()')).toThrow('outputs.a.value.yaql: Bad expression Unknown function "launch".')
    expect(resolve(template('2016-04-08', 'x').outputs.get('a')!.value, { dialect: { ...dialect, version: 'heat_template_version.2016-04-08' }, parameters: { p: 1 } })).toEqual({ yaql: { expression: 'x', data: { x: 1 } } })
  })
})
