import type { Ctx } from '../../kernel/ctx.ts'
import { invalid } from '../../kernel/fault.ts'
import { linksOf } from '../servers/model.ts'

export const links = (ctx: Ctx, kind: string, id: string) => linksOf(ctx, id, kind)
export const badQuery = (name: string, value: string) => invalid(`Invalid input for query parameter ${name}. Value: ${value}.`)
