import { sql, type SQL } from 'drizzle-orm'
import { inventory, providerUsage } from '../../../schema/placement.ts'

/** An inventory (as `i`, with its usage as `u`) that could give so much now. */
export const fits = (amount: number): SQL => sql`${amount} between i.min_unit and i.max_unit and ${amount} % i.step_size = 0 and coalesce(u.used, 0) + ${amount} <= (i.total - i.reserved) * i.ratio`
export const stock = sql`${inventory} i left join ${providerUsage} u on u.provider = i.provider and u.class = i.class`
