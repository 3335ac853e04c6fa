import type { DiskRef } from '../../schema/jobs.ts'

export const same = (one: DiskRef) => (other: DiskRef) => one.kind === other.kind && one.id === other.id
export const named = ({ kind, id }: DiskRef) => `${kind} ${id}`
