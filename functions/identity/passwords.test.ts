import { expect, it } from 'vitest'
import { kindOf, nobodys } from './foreign.ts'
import { checkPassword, checkSecret, computed, outdated } from './passwords.ts'

/** Made by passlib, as Keystone uses it. */
const hashes = {
  niels: '$2b$10$K9TvDtFbbc56GJ.pPovKcuCVqiFI1GnnffPA6y.zCG64UfyUJHzEO',
  lise: '$scrypt$ln=16,r=8,p=1$h9BaK0UIgVAKgRDiPIeQcg$bsnP1bLUZpRr0czZd02EiYQB4OD1tUx+LRXcn+pUPhs',
  emmy: '$pbkdf2-sha512$20000$NaaUMiakNEYoxbiXMkaotQ$piv5yj/uGdKEsaI2HW/1PAB5q7rssflDJXnVmFp6XXMFxQWZ8Nc3SKdq3.AVDSpUGYec4/LgJaFef5kPg5RT/Q',
  maria: '$bcrypt-sha256$v=2,t=2b,r=10$cZCNd3aqNmmazNWKHIN0Ne$vtwP/eQjjySZkM/hh5RjsM2s/0RR/gG',
}
it.each(Object.entries(hashes))('a hash of another cloud holds for the right password alone, in this runtime: %s', async (name, hash) => {
  expect([await checkPassword(`${name}-old-secret`, hash), await checkPassword('wrong', hash), outdated(hash)]).toEqual([true, false, true])
})
it('a hash of no kind we know holds for nothing', async () => expect(await checkPassword('x', '$6$rounds=1$x$y')).toBe(false))

const counted = async (work: () => Promise<boolean>) => { computed.clear(); await work(); return Object.fromEntries([...computed].sort()) }
it('a wrong password costs one hash of every kind in use, whoever it is given for; the right one its own alone', async () => {
  const kinds = [...new Set(Object.values(hashes).map((h) => kindOf(h)!))], ours = '$scrypt$ln=14,r=8,p=1$', every = Object.fromEntries([ours, ...kinds].sort().map((k) => [k, 1]))
  expect(Object.keys(every)).toHaveLength(5)
  for (const hash of [null, undefined, '', '$6$rounds=1$x$y', nobodys(ours), ...Object.values(hashes)]) expect([hash, await counted(() => checkPassword('wrong', hash, kinds))]).toEqual([hash, every])
  for (const hash of [null, '$sha256$47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU', hashes.niels]) expect(await counted(() => checkSecret('wrong', hash, kinds))).toEqual(every)
  expect(await counted(() => checkPassword('niels-old-secret', hashes.niels, kinds))).toEqual({ [kindOf(hashes.niels)!]: 1 })
})
it('what nobody can have is computed in full: its form is one the check understands', async () => {
  for (const hash of Object.values(hashes)) expect(await counted(() => checkPassword('x', nobodys(kindOf(hash)!)))).toMatchObject({ [kindOf(hash)!]: 1 })
})
