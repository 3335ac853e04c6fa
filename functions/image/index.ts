import * as cache from './cache/api.ts'
import create from './images/create.ts'
import { addLocation, deactivate, deleteTag, locations, putTag, reactivate, remove, show } from './images/api.ts'
import list from './images/list.ts'
import patch from './images/patch.ts'
import info from './info/api.ts'
import * as members from './members/api.ts'
import items from './metadefs/items.ts'
import * as namespaces from './metadefs/namespaces.ts'
import schemas from './schemas/api.ts'
import { image } from './service.ts'
import * as tasks from './tasks/api.ts'
import { deleteFromStore, download, importImage, stage, upload } from './upload/api.ts'

export default image.serve([
  list, create, show, patch, remove,
  upload, download, stage, importImage, deactivate, reactivate, putTag, deleteTag, addLocation, locations, deleteFromStore,
  members.list, members.show, members.create, members.update, members.remove,
  tasks.list, tasks.show, tasks.create, tasks.remove, tasks.ofImage,
  schemas, info, cache.list, cache.queue, cache.remove, cache.clear,
  namespaces.list, namespaces.create, namespaces.show, namespaces.update, namespaces.remove, items,
])
