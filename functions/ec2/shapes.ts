import { Type as t, type TSchema } from 'typebox'
import { shape } from '../aws/front.ts'

/** Parts of requests that many actions have. */
export const text = t.String({ maxLength: 255 }), flag = t.Optional(t.Boolean()), word = t.Optional(text), whole = t.Optional(t.Integer({ minimum: 0, maximum: 2 ** 31 - 1 }))
/** `Name.1`, `Name.2`. */
export const list = <S extends TSchema>(item: S, wire: string, max = 1000) => t.Optional(t.Array(item, { wire, maxItems: max }))
export const names = (wire: string) => list(text, wire)
export const tag = shape({ Key: t.String({ minLength: 1, maxLength: 128 }), Value: t.Optional(t.String({ maxLength: 256 })) })
export const TagSpecifications = list(shape({ ResourceType: t.Optional(t.String()), Tags: list(tag, 'Tag', 50) }), 'TagSpecification', 20)
export const Filters = list(shape({ Name: t.String(), Values: list(t.String({ maxLength: 1024 }), 'Value', 200) }), 'Filter', 200)
export const page = { MaxResults: t.Optional(t.Integer({ minimum: 1, maximum: 1000 })), NextToken: t.Optional(t.String({ maxLength: 1024 })) }
export const many = { Filters, ...page }
/** Taken, as clients send it, and without effect here. */
export const unused = t.Optional(t.Unknown())
export const iso = (time: string | undefined | null) => (time ? new Date(/Z|[+-]\d\d:?\d\d$/.test(time) ? time : `${time}Z`).toISOString() : undefined)
