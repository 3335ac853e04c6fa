import type { Property } from '../provider.ts'

/** A form that a value must have, known to both the engine and who reads the schema. */
export const format = (name: string): Pick<Property, 'constraints'> => ({ constraints: [{ kind: 'custom_constraint', name }] })
