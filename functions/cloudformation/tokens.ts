import { awsFault } from '../aws/faults.ts'
import { onceOf, readToken as read } from '../aws/tokens.ts'
import { validation } from './find.ts'

export { pageToken } from '../aws/tokens.ts'
export const once = onceOf('cloudformation', 3600, (token) => awsFault('TokenAlreadyExistsException', `A client request token already exists: ${token}`, { status: 400 }))
export const readToken = (text: string | undefined) => read(text, () => validation('NextToken is not valid.'))
