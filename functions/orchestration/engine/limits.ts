/** As heat's defaults are. */
export const STACKS = 512
export const RESOURCES = 1000
export const DEPTH = 5
/** Seconds, when a stack does not say. */
export const TIMEOUT = 3600
/** How long an ended stack is still shown. */
export const KEPT = 7 * 86400
