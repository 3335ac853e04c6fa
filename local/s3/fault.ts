/** An answer in S3's own words. */
export class Fault extends Error {
  status: number
  code: string
  headers: Record<string, string>
  constructor(status: number, code: string, message: string, headers: Record<string, string> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

export const denied = (message: string) => new Fault(403, 'AccessDenied', message)
export const badArgument = (message: string) => new Fault(400, 'InvalidArgument', message)
export const noSuchKey = () => new Fault(404, 'NoSuchKey', 'The specified key does not exist.')
export const noSuchBucket = () => new Fault(404, 'NoSuchBucket', 'The specified bucket does not exist.')
export const noSuchUpload = () => new Fault(404, 'NoSuchUpload', 'The specified upload does not exist; it may have been completed or aborted.')
export const failedCondition = (name: string) => new Fault(412, 'PreconditionFailed', `At least one of the pre-conditions you specified did not hold: ${name}`)
export const notImplemented = (what: string) => new Fault(501, 'NotImplemented', `${what} is not implemented here.`)
export const malformedXml = (why: string) => new Fault(400, 'MalformedXML', `The XML you provided was not well-formed or did not validate: ${why}`)
