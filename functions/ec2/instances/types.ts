import { awsFault } from '../../aws/faults.ts'
import { pageToken, readToken } from '../../aws/tokens.ts'
import { compute } from '../call.ts'
import { matcher } from '../filters.ts'
import { read } from '../service.ts'
import { flag, many, names } from '../shapes.ts'

/** Flavors are the types here, by their names. */
const view = (f: any) => ({
  instanceType: f.name as string, currentGeneration: true, freeTierEligible: false, bareMetal: false, burstablePerformanceSupported: false, dedicatedHostsSupported: false, hibernationSupported: false, autoRecoverySupported: false,
  supportedUsageClasses: ['on-demand'], supportedRootDeviceTypes: ['ebs', 'instance-store'], supportedVirtualizationTypes: ['hvm'], processorInfo: { supportedArchitectures: ['x86_64'] },
  vCpuInfo: { defaultVCpus: f.vcpus as number, defaultCores: f.vcpus as number, defaultThreadsPerCore: 1 }, memoryInfo: { sizeInMiB: f.ram as number }, instanceStorageSupported: f.disk > 0,
  instanceStorageInfo: f.disk > 0 ? { totalSizeInGB: f.disk as number, disks: [{ sizeInGB: f.disk as number, count: 1, type: 'ssd' }] } : undefined, ebsInfo: { ebsOptimizedSupport: 'unsupported', encryptionSupport: 'unsupported' },
  networkInfo: { networkPerformance: 'Unspecified', maximumNetworkInterfaces: 16, ipv4AddressesPerInterface: 16, ipv6Supported: true, enaSupport: 'unsupported', efaSupported: false },
})

export const describeInstanceTypes = read('DescribeInstanceTypes', {
  summary: 'Describe instance types', input: { InstanceTypes: names('InstanceType'), IncludeUnsupportedInRegion: flag, ...many },
  async handle(ctx, i) {
    const all: any[] = []
    for (;;) {
      const { flavors } = await compute(ctx, '/flavors/detail', { limit: '1000', ...(all.length ? { marker: all.at(-1).id } : {}) })
      all.push(...flavors)
      if (flavors.length < 1000) break
    }
    const types = all.map(view).sort((a, b) => (a.instanceType < b.instanceType ? -1 : 1))
    const missing = (i.InstanceTypes ?? []).filter((n) => !types.some((x) => x.instanceType === n))
    if (missing.length) throw awsFault('InvalidInstanceType', `The following supplied instance types do not exist: [${missing.join(', ').slice(0, 200)}]`)
    const fits = matcher<ReturnType<typeof view>>({
      'instance-type': (x) => x.instanceType, 'vcpu-info.default-vcpus': (x) => x.vCpuInfo.defaultVCpus, 'vcpu-info.default-cores': (x) => x.vCpuInfo.defaultCores, 'memory-info.size-in-mib': (x) => x.memoryInfo.sizeInMiB, 'current-generation': (x) => x.currentGeneration, 'bare-metal': (x) => x.bareMetal, 'free-tier-eligible': (x) => x.freeTierEligible,
      'processor-info.supported-architecture': (x) => x.processorInfo.supportedArchitectures, 'supported-virtualization-type': (x) => x.supportedVirtualizationTypes, 'supported-root-device-type': (x) => x.supportedRootDeviceTypes, 'supported-usage-class': (x) => x.supportedUsageClasses, 'instance-storage-supported': (x) => x.instanceStorageSupported, 'instance-storage-info.total-size-in-gb': (x) => x.instanceStorageInfo?.totalSizeInGB,
    }, i.Filters)
    const from = readToken(i.NextToken, () => awsFault('InvalidNextToken', 'The pagination token is not valid'))?.[0] as string | undefined
    const hits = types.filter((x) => (!i.InstanceTypes?.length || i.InstanceTypes.includes(x.instanceType)) && fits(x) && (from === undefined || x.instanceType > from)), page = hits.slice(0, i.MaxResults ?? hits.length)
    return { instanceTypeSet: page, nextToken: page.length < hits.length ? pageToken(page.at(-1)!.instanceType) : undefined }
  },
})
