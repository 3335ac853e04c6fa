import connect from './connect.ts'
import page from './page.ts'
import { consoles } from './service.ts'

export default consoles.serve([page, connect])
