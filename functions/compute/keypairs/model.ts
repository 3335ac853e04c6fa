import { and, eq } from 'drizzle-orm'
import { keypair } from '../../../schema/compute.ts'
import { q } from '../../kernel/db.ts'

export type Keypair = typeof keypair.$inferSelect
export const keypairQuery = (user: string, name: string) => q.select().from(keypair).where(and(eq(keypair.user, user), eq(keypair.name, name)))
