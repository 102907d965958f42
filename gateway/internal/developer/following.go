package developer

import "github.com/duban-project/duban/gateway/internal/problem"

// following are the events that no method of the contract names, because they
// follow from what happened to another resource.
var following = []Event{
	{"aggregation.report.entered.v1", "Report", "", problem.Text{Zh: "各行已全部计入", En: "all its rows are counted"}},
	{"aggregation.report.failed.v1", "Report", "", problem.Text{Zh: "有数据行无法处理", En: "some of its rows cannot be worked on"}},
	{"aggregation.report.judged.v1", "Report", "", problem.Text{Zh: "各行已全部校验", En: "all its rows are judged"}},
	{"aggregation.report.rejudged.v1", "Report", "", problem.Text{Zh: "待对照的行已重新校验", En: "rows that were quarantined are judged again"}},
	{"aggregation.report.released.v1", "Report", "", problem.Text{Zh: "被退回的更正不再占用原报表", En: "a correction of it was returned, and it stands alone again"}},
	{"aggregation.report.replaced.v1", "Report", "", problem.Text{Zh: "未接受的报表已被后来的取代", En: "a later one stands in its place before it was accepted"}},
	{"aggregation.report.superseded.v1", "Report", "", problem.Text{Zh: "已接受的报表已被更正", En: "a correction was accepted in its place"}},
	{"aggregation.source.recounted.v1", "ReportSource", "", problem.Text{Zh: "报表被退回，已报送至已重新计算", En: "a report of it was returned, and until when it has reported was worked out anew"}},
	{"aggregation.source.reported.v1", "ReportSource", "", problem.Text{Zh: "报送来源报来一份报表", En: "a report of the source came"}},
	{"campaign.assignment.abandoned.v1", "Assignment", "", problem.Text{Zh: "所属单位已停用", En: "its unit was archived"}},
	{"campaign.assignment.closed.v1", "Assignment", "", problem.Text{Zh: "所属活动已结束", En: "its campaign was closed"}},
	{"campaign.assignment.issued.v1", "Assignment", "", problem.Text{Zh: "活动发布，任务下达", En: "its campaign was published"}},
	{"campaign.assignment.recounted.v1", "Assignment", "", problem.Text{Zh: "节假日安排公布，暂定的时限已重算", En: "holidays were announced, and its provisional day was counted anew"}},
	{"complaint.complaint.received.v1", "Complaint", "", problem.Text{Zh: "收到投诉", En: "it came"}},
	{"complaint.complaint.recounted.v1", "Complaint", "", problem.Text{Zh: "节假日安排公布，暂定的时限已重算", En: "holidays were announced, and its provisional days were counted anew"}},
	{"complaint.rectification.settled.v1", "Complaint", "", problem.Text{Zh: "转整改有结果：已列入台账或未被接收", En: "the ledger took its order, or refused it"}},
	{"complaint.rectification.hindered.v1", "Complaint", "", problem.Text{Zh: "转整改受阻，待人工处理", En: "its order for rectification is held up"}},
	{"evaluation.credentials.issued.v1", "Round", "IssueCredentials", problem.Text{}},
	{"evaluation.result.published.v1", "Result", "", problem.Text{Zh: "所属评议已公布", En: "its round was published"}},
	{"event.webhook.pinged.v1", "", "PingWebhook", problem.Text{}},
	{"rectification.content.filed.v1", "FiledProblem", "", problem.Text{Zh: "随台账报备的问题", En: "a problem as it was filed with its ledger"}},
	{"rectification.ledger.changed.v1", "Ledger", "", problem.Text{Zh: "台账中的问题有变，所属活动已结束，或所属单位已停用", En: "one of its problems changed, its campaign was closed, or its unit archived"}},
	{"rectification.ledger.issued.v1", "Ledger", "", problem.Text{Zh: "活动发布，台账下达", En: "its campaign was published, and the unit owes it"}},
	{"rectification.ledger.recounted.v1", "Ledger", "", problem.Text{Zh: "节假日安排公布，暂定的时限已重算", En: "holidays were announced, and its provisional days were counted anew"}},
	{"rectification.problem.accepted.v1", "Problem", "", problem.Text{Zh: "所属台账已备案", En: "its ledger was acknowledged"}},
	{"rectification.problem.filed.v1", "Problem", "", problem.Text{Zh: "所属台账已报备", En: "its ledger was filed"}},
	{"rectification.version.acknowledged.v1", "LedgerVersion", "", problem.Text{Zh: "已备案", En: "the superior acknowledged it"}},
	{"rectification.version.filed.v1", "LedgerVersion", "", problem.Text{Zh: "已报备", En: "its ledger was filed"}},
	{"rectification.version.superseded.v1", "LedgerVersion", "", problem.Text{Zh: "未备案即报备了新版本", En: "a later version was filed before the superior decided"}},
	{"rectification.version.returned.v1", "LedgerVersion", "", problem.Text{Zh: "已退回", En: "the superior returned it"}},
}
