import RFB from '@novnc/novnc'

// The screen of one server: `path` says where on this host its WebSocket is, as noVNC's own page takes it.
const said = document.getElementById('said'), keys = document.getElementById('keys')
const path = new URLSearchParams(location.search).get('path') ?? ''
// Only ever this host: a path that would lead elsewhere is none.
const at = new URL(`/${path.replace(/^\/+/, '')}`, location.href)
at.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'

const rfb = new RFB(document.getElementById('screen'), at.href)
rfb.scaleViewport = true
rfb.addEventListener('connect', () => { said.textContent = 'Connected'; keys.disabled = false })
rfb.addEventListener('disconnect', (e) => {
  keys.disabled = true
  said.textContent = e.detail.clean ? 'The connection has ended.' : 'No connection: an address is good once and for ten minutes; ask for a new one.'
})
keys.addEventListener('click', () => rfb.sendCtrlAltDel())
