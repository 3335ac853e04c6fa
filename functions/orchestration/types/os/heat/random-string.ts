import { invalid } from '../../../../kernel/fault.ts'
import { integer, length, list, map, range, resourceType, text, type Property } from '../../provider.ts'

const lower = 'abcdefghijklmnopqrstuvwxyz', upper = lower.toUpperCase(), digits = '0123456789', octal = '01234567'
const classes: Record<string, string> = { lettersdigits: lower + upper + digits, letters: lower + upper, lowercase: lower, uppercase: upper, digits, hexdigits: `${digits}ABCDEF`, octdigits: octal }
const min: Property = integer({ default: 1, ...range(1, 512) })

/** Evenly, whatever the size of the set: bytes beyond its last multiple are drawn again. */
function drawer(random: (n: number) => Uint8Array) {
  const below = (n: number): number => { for (;;) { const [a, b] = random(2), v = a * 256 + b; if (v < 65536 - (65536 % n)) return v % n } }
  return { one: (of: string[] | string) => of[below(of.length)], shuffle: (a: string[]) => { for (let i = a.length - 1; i > 0; i--) { const k = below(i + 1); [a[i], a[k]] = [a[k], a[i]] } return a } }
}

export default resourceType({
  name: 'OS::Heat::RandomString', description: 'A random string of given length and characters.', support: { status: 'SUPPORTED', version: '2014.1' },
  properties: {
    length: integer({ default: 32, ...range(1, 512) }),
    character_classes: list(map({ class: text({ default: 'lettersdigits', constraints: [{ kind: 'allowed_values', values: Object.keys(classes) }] }), min }), { default: [{ class: 'lettersdigits' }] }),
    character_sequences: list(map({ sequence: text({ required: true }), min })),
    salt: text(length(0, 255)),
  },
  attributes: { value: { type: 'String', own: true, of: (_, r) => r.resource.data.value } },
  validate(p) {
    const parts = [p.character_classes, p.character_sequences].flatMap((v) => (Array.isArray(v) ? v : [])) as { min?: number }[]
    if (typeof p.length === 'number' && parts.reduce((n, c) => n + (typeof c?.min === 'number' ? c.min : 1), 0) > p.length) throw invalid('Length property cannot be smaller than combined character class and character sequence minimums')
  },
  create(r) {
    const p = r.properties, draw = drawer((n) => r.ctx.world.random(n)), out: string[] = []
    const sets = (p.character_classes ?? []).map((c: { class: string; min: number }) => ({ of: classes[c.class], min: c.min })), words = p.character_sequences ?? []
    for (const { sequence, min } of words) for (let i = 0; i < min; i++) out.push(sequence)
    const taken = () => out.reduce((n, s) => n + s.length, 0)
    for (const { of, min } of sets) for (let i = 0; i < min; i++) out.push(draw.one(of))
    while (taken() < p.length) out.push(sets.length ? draw.one(sets[draw.one('0123456789'.slice(0, Math.min(10, sets.length))) as unknown as number].of) : words[Number(draw.one('0123456789'.slice(0, Math.min(10, words.length))))].sequence)
    return { id: r.uniqueName(), data: { value: draw.shuffle(out).join('').slice(0, p.length) } }
  },
  ref: (r) => r.resource.data.value ?? r.resource.name,
})
