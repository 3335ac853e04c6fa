import attachDisk from './attach-disk.ts'
import attachPort from './attach-port.ts'
import console from './console.ts'
import destroy from './destroy.ts'
import detachDisk from './detach-disk.ts'
import detachPort from './detach-port.ts'
import pause from './pause.ts'
import reboot from './reboot.ts'
import resume from './resume.ts'
import save from './save.ts'
import setPassword from './set-password.ts'
import screen from './screen.ts'
import start from './start.ts'
import stats from './stats.ts'
import stop from './stop.ts'

export const domainExecutors = [
  start, stop, reboot, pause, resume, save, destroy,
  attachDisk, detachDisk, attachPort, detachPort,
  setPassword, console, screen, stats,
]
