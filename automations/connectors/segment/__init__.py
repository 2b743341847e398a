"""Events of any app that speaks the Segment spec, from Segment's SDKs, RudderStack's, or plain HTTP."""
