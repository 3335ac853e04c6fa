import { expect, it } from 'vitest'
import { checkPassword, outdated } from './passwords.ts'

/** Made by passlib, as Keystone uses it. */
const hashes = {
  niels: '$2b$10$K9TvDtFbbc56GJ.pPovKcuCVqiFI1GnnffPA6y.zCG64UfyUJHzEO',
  lise: '$scrypt$ln=16,r=8,p=1$h9BaK0UIgVAKgRDiPIeQcg$bsnP1bLUZpRr0czZd02EiYQB4OD1tUx+LRXcn+pUPhs',
  emmy: '$pbkdf2-sha512$20000$NaaUMiakNEYoxbiXMkaotQ$piv5yj/uGdKEsaI2HW/1PAB5q7rssflDJXnVmFp6XXMFxQWZ8Nc3SKdq3.AVDSpUGYec4/LgJaFef5kPg5RT/Q',
}
it.each(Object.entries(hashes))('a hash of another cloud holds for the right password alone, in this runtime: %s', async (name, hash) => {
  expect([await checkPassword(`${name}-old-secret`, hash), await checkPassword('wrong', hash), outdated(hash)]).toEqual([true, false, true])
})
it('a hash of no kind we know holds for nothing', async () => expect(await checkPassword('x', '$6$rounds=1$x$y')).toBe(false))
