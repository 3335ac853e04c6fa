import type { Json } from './types.ts'

/** YAML 1.1's plain scalars as both peers read them: `yes` is a boolean, `y` a word, `0777` octal, `1:30` sixty-based, a date a string. */
export function plainScalar(source: string): Json {
  const first = source.charCodeAt(0)
  if (source === '' || source === '~' || source === 'null' || source === 'Null' || source === 'NULL') return null
  if (TRUE.test(source)) return true
  if (FALSE.test(source)) return false
  // Only digits, signs and dots begin a number.
  if ((first < 48 || first > 57) && first !== 43 && first !== 45 && first !== 46) return source
  if (INT.test(source)) return whole(source.replaceAll('_', ''), source)
  if (FLOAT.test(source)) return real(source.replaceAll('_', ''), source)
  return source
}

const TRUE = /^(?:yes|Yes|YES|true|True|TRUE|on|On|ON)$/
const FALSE = /^(?:no|No|NO|false|False|FALSE|off|Off|OFF)$/
const INT = /^[-+]?(?:0b[01_]+|0[0-7_]*|[1-9][0-9_]*(?::[0-5]?[0-9])*|0x[0-9a-fA-F_]+)$/
const FLOAT = /^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$/

function whole(text: string, source: string): Json {
  const sign = text.startsWith('-') ? -1 : 1
  const digits = text.replace(/^[-+]/, '')
  const value = digits.includes(':') ? sixty(digits)
    : /^0[bx]/.test(digits) ? Number(digits)
    : /^0[0-7]+$/.test(digits) ? parseInt(digits, 8)
    : Number(digits)
  // A number too long to be exact stays the text it was.
  return Number.isSafeInteger(value) ? sign * value : source
}

function real(text: string, source: string): Json {
  const sign = text.startsWith('-') ? -1 : 1
  const digits = text.replace(/^[-+]/, '')
  const value = digits.includes(':') ? sixty(digits) : Number(digits)
  return Number.isFinite(value) ? sign * value : source
}

const sixty = (digits: string) => digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)
