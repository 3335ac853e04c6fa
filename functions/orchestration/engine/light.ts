/** Types that live in their rows alone: they ask no other service, so that many of them are made or removed in one batch. */
export const LIGHT = new Set(['OS::Heat::RandomString', 'OS::Heat::Value', 'OS::Heat::None', 'OS::Heat::TestResource', 'OS::Heat::WaitConditionHandle', 'OS::Heat::UpdateWaitConditionHandle'])
