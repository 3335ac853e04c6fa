import { isoMicros } from '../kernel/view.ts'
import { endpoint } from './service.ts'

/** Engines are functions: there is one, it has always just answered. */
export default endpoint({
  id: 'services.list', method: 'GET', path: '/services', status: 200, summary: 'List engines', policy: 'service:index',
  handle: (ctx) => ({ services: [{ id: '00000000-0000-4000-8000-000000000001', engine_id: '00000000-0000-4000-8000-000000000001', binary: 'heat-engine', hostname: 'functions', host: 'functions', topic: 'engine', report_interval: 60, status: 'up', created_at: isoMicros(0), updated_at: isoMicros(ctx.now()), deleted_at: null }] }),
})
