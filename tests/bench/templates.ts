import { conditionsOf, dependencies, parametersOf, parse, resolve, type Scope } from '../../functions/orchestration/template/index.ts'
import type { Figures } from './figures.ts'

const sizes = [20, 100, 500]

/** A resource that needs two others, with a condition and half a dozen functions. */
const one = (i: number) => `  server${i}:
    type: OS::Nova::Server
    ${i > 6 ? `depends_on: server${i - 7}` : 'depends_on: []'}
    properties:
      name: { list_join: ['-', [{ get_param: prefix }, '${i}']] }
      image: cirros
      flavor: { if: [small, tiny, large] }
      networks:
        - network: ${i ? `{ get_attr: [server${Math.floor(i / 2)}, network] }` : 'first'}
      user_data:
        str_replace:
          template: 'echo $name is $number'
          params: { $name: { get_param: [tags, 0] }, $number: '${i}' }
      metadata: { role: web, zones: [a, b, c], nested: { deep: { deeper: ${i} } } }
`
const template = (n: number) => `heat_template_version: 2018-08-31
parameters:
  prefix: { type: string, default: web }
  tags: { type: comma_delimited_list, default: 'x,y' }
conditions: { small: { equals: [{ get_param: prefix }, web] } }
resources:
${Array.from({ length: n }, (_, i) => one(i)).join('')}`

/** Reading, ordering and resolving templates, which needs no cloud: growth with the number of resources. */
export async function templates(figures: Figures) {
  figures.title('Templates: reading, ordering, resolving')
  const whole: number[] = []
  for (const n of sizes) {
    const text = template(n), read = parse(text), json = JSON.stringify(read.raw)
    const { values } = await parametersOf(read)
    const conditions = conditionsOf(read, values)
    const scope: Scope = { dialect: read.dialect, parameters: values, conditions, resource: (name) => name, attribute: (name) => `net-${name}` }
    const yaml = best(() => parse(text))
    const ms = [best(() => parse(json)), best(() => dependencies(read, conditions, values)), best(() => { for (const { properties } of read.resources.values()) resolve(properties, scope) })]
    figures.put(`${n} resources from YAML`, yaml, 'ms', { note: `${Math.round(text.length / 1024)} KiB` })
    figures.put(`${n} resources from JSON`, ms[0], 'ms')
    figures.put(`${n} resources put in order`, ms[1], 'ms')
    figures.put(`${n} resources resolved`, ms[2], 'ms')
    whole.push((yaml + ms[0] + ms[1] + ms[2]) / n)
  }
  figures.put('each of 500 beside each of 20', whole.at(-1)! / whole[0], 'times', { bar: { most: 2 }, note: 'linear growth is 1' })
}

/** The quickest of several: other work on the machine only ever adds. */
function best(work: () => unknown) {
  let least = Infinity
  for (let i = 0; i < 7; i++) {
    const start = performance.now()
    work()
    least = Math.min(least, performance.now() - start)
  }
  return least
}
