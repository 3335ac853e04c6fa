/** Hrana's JSON values on one side, the native driver's on the other. */
export type Value =
  | { type: 'null' } | { type: 'integer'; value: string } | { type: 'float'; value: number }
  | { type: 'text'; value: string } | { type: 'blob'; base64: string }
export interface NamedValue { name: string; value: Value }
export type Native = null | bigint | number | string | Buffer

/** A refusal or failure as Hrana carries it: a code for programs, a message for people. */
export class SqlError extends Error {
  code: string
  constructor(code: string, message: string) { super(message); this.code = code }
}

const invalid = (why: string) => new SqlError('ARGS_INVALID', why)

/** Checks hard: the driver ends the whole process on a value of a type it does not expect. */
export function decode(v: Value): Native {
  switch (v?.type) {
    case 'null': return null
    case 'integer': {
      if (typeof v.value !== 'string' || !/^-?\d{1,19}$/.test(v.value)) throw invalid('an integer is carried as a decimal string')
      const n = BigInt(v.value)
      if (n !== BigInt.asIntN(64, n)) throw invalid(`${v.value} does not fit in 64 bits`)
      return n
    }
    case 'float':
      if (typeof v.value !== 'number') throw invalid('a float is carried as a number')
      return v.value
    case 'text':
      if (typeof v.value !== 'string') throw invalid('a text is carried as a string')
      // The driver would hand it back cut off at the NUL.
      if (v.value.includes('\0')) throw invalid('a text may not contain a NUL character')
      return v.value
    case 'blob':
      if (typeof v.base64 !== 'string' || !/^[A-Za-z0-9+/_-]*={0,2}$/.test(v.base64)) throw invalid('a blob is carried as base64')
      return Buffer.from(v.base64, 'base64')
    default: throw invalid(`unknown type of value: ${JSON.stringify((v as { type?: unknown } | null)?.type ?? null)}`)
  }
}

/** JSON text of one value; written out here because it is the hottest loop of the endpoint. */
export function encode(v: unknown): string {
  if (v === null || v === undefined) return '{"type":"null"}'
  switch (typeof v) {
    case 'string': return `{"type":"text","value":${JSON.stringify(v)}}`
    case 'bigint': return `{"type":"integer","value":"${v}"}`
    // JSON has no infinity, yet every parser reads 9e999 as one.
    case 'number': return `{"type":"float","value":${Number.isFinite(v) ? v : v > 0 ? '9e999' : '-9e999'}}`
    default: return `{"type":"blob","base64":"${Buffer.from(v as Uint8Array).toString('base64')}"}`
  }
}

/** Arguments in parameter order. Too few, too many or unknown ones are refused: SQLite would quietly bind NULL. */
export function bind(params: (string | null)[], args: Value[] | undefined, named: NamedValue[] | undefined): Native[] {
  const given = args ?? []
  if (!named?.length) {
    if (given.length !== params.length) throw invalid(`the statement has ${params.length} parameter(s), ${given.length} given`)
    return given.map(decode)
  }
  if (given.length > params.length) throw invalid(`the statement has ${params.length} parameter(s), ${given.length} positional ones given`)
  const out: (Native | undefined)[] = given.map(decode)
  for (const { name, value } of named) {
    const at = params.findIndex((p) => p !== null && (p === name || p.slice(1) === name))
    if (at < 0) throw invalid(`the statement has no parameter named ${JSON.stringify(name)}`)
    out[at] = decode(value)
  }
  return params.map((p, i) => {
    if (out[i] === undefined) throw invalid(`no value for parameter ${p ?? i + 1}`)
    return out[i]
  })
}
