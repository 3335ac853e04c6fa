import { service } from '../kernel/service.ts'
export default service({ name: 'placement', type: 'placement', mount: '/placement', prefixes: [''], rules: {}, render: (f, status) => ({ body: { errors: [{ status, detail: f.message }] } }), versions: () => undefined }).serve([])
